/* initialise.h: the weights a network starts from. */
#ifndef CS_NN_INITIALISE_H
#define CS_NN_INITIALISE_H

#include "nn/network.h"

/* Fill the parameters of every layer by its specification, from the streams (seed, CS_RANDOM_INITIALISE, parameter, layer).
 * Biases, beta and moving means become 0, gamma and moving variances 1, whatever the initialiser.
 *
 * He       normal with variance 2 / fan_in (He et al. 2015). Plain, not truncated at two deviations as Keras does.
 * Glorot   uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010), as Keras
 * LeCun    normal with variance 1 / fan_in, plain as well
 * normal   of the deviation asked for; 0: sqrt(1 / fan_in)
 * default  He before a ReLU, leaky ReLU or ELU, Glorot elsewhere */
void cs_initialise(struct cs_network *network, uint64_t seed);

/* The non-linearity that a layer's output meets before the next weights: its own, or that of an activation layer behind it
 * (batch norm, pools, padding, dropout, flatten and rescaling may stand between). */
enum cs_activation cs_effective_activation(const struct cs_network *network, int layer);

#endif
