/* speed.c: images a second over the last seconds, from a ring of samples, one a second. See run_internal.h. */
#include "run/run_internal.h"

enum { SLOTS = 64 };
static const double sample_every = 1;

void cs_speed_add(struct cs_speed *speed, double now, int64_t images)
{
	int last = (speed->next + SLOTS - 1) % SLOTS;

	/* The newest sample moves on until it is old enough to stay. */
	if (speed->count > 1 && now - speed->time[(last + SLOTS - 1) % SLOTS] < sample_every) {
		speed->time[last] = now;
		speed->images[last] = images;
		return;
	}
	speed->time[speed->next] = now;
	speed->images[speed->next] = images;
	speed->next = (speed->next + 1) % SLOTS;
	if (speed->count < SLOTS)
		speed->count++;
}

double cs_speed_rate(const struct cs_speed *speed, double seconds)
{
	int last = (speed->next + SLOTS - 1) % SLOTS;
	int first = last;

	for (int back = 1; back < speed->count; back++) {
		int i = (last + SLOTS - back) % SLOTS;

		first = i;
		if (speed->time[last] - speed->time[i] >= seconds)
			break;
	}
	if (first == last || speed->time[last] <= speed->time[first])
		return 0;
	return (double)(speed->images[last] - speed->images[first]) / (speed->time[last] - speed->time[first]);
}
