/* npz.h: data sets in one NumPy file (.npz): a zip of arrays, compressed or stored, as np.savez and keras.datasets write them. */
#ifndef CS_DATA_NPZ_H
#define CS_DATA_NPZ_H

#include "data/dataset.h"

extern const struct cs_dataset_ops cs_npz_dataset;

#endif
