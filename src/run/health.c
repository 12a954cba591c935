/* health.c: has a layer died? See run_internal.h.
 *
 * A rectifier whose units are all below zero for every image passes nothing on and nothing back: what lies before it never
 * changes again, and the loss settles at ln(classes). Too high a rate does that within the first steps. Every few steps the
 * activations of the batch are looked through; a living layer is left at its first number over or under zero, so that this
 * costs nothing while all is well.
 */
#include "run/run_internal.h"

enum { EVERY = 20, PATIENCE = 3, WATCHED_STEPS = 5000 };

static bool all_zero(const struct cs_slot *slot, const struct cs_layer *layer, int count)
{
	int64_t numbers = cs_shape_count(&layer->out) * count;

	if (!slot->out.data)
		return false;
	for (int64_t i = 0; i < numbers; i++) {
		if (slot->out.data[i] != 0)
			return false;
	}
	return true;
}

int cs_health_check(struct cs_health *health, const struct cs_trace *trace, int64_t step)
{
	int silent = -1;

	if (health->warned || step % EVERY || step > WATCHED_STEPS)
		return -1;
	for (int i = 0; i < trace->network->layer_count && silent < 0; i++) {
		if (all_zero(&trace->slots[i], &trace->network->layers[i], trace->count))
			silent = i;
	}
	if (silent < 0 || silent != health->layer)
		health->silent = 0;
	health->layer = silent;
	if (silent < 0 || ++health->silent < PATIENCE)
		return -1;
	health->warned = true;
	return silent;
}
