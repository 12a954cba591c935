/* occlude.h: where in one image the evidence lies: a grey square wanders over it in the background, coarsely first, and what the
 * network's answer and one feature lose is published as it goes (Zeiler & Fergus 2014, section 4.2).
 */
#ifndef CS_WORK_OCCLUDE_H
#define CS_WORK_OCCLUDE_H

#include "work/opened.h"
#include "work/work.h"

struct cs_occlude;

/* What is asked. */
struct cs_occlude_question {
	int64_t image;
	int layer; /* whose feature is watched */
	int64_t feature; /* -1: the strongest on this image */
};

/* What was found so far. Maps are [h,w,1], per pixel what is lost on average when it is hidden; negative: it grows. */
struct cs_occlude_answer {
	int class; /* whose probability is watched: the true one, else the one that is named; -1: the network names none */
	float whole, fires; /* its probability, and the feature's strongest activation, with nothing hidden */
	int64_t feature;
	int size, stride; /* of the square and its steps, in pixels; stride 0: nothing is known yet */
	struct cs_tensor probability, activation; /* owned by the answer; empty while stride is 0 */
};

enum cs_status cs_occlude_start(struct cs_works *works, struct cs_opened *opened,
	const struct cs_occlude_question *question, struct cs_occlude **out, struct cs_error *error);
/* Stop and forget. NULL is fine. */
void cs_occlude_drop(struct cs_occlude *occlude);

/* Grows with each publication. */
unsigned cs_occlude_version(struct cs_occlude *occlude);
/* A copy of the latest answer; false without memory. To be ended with cs_occlude_answer_fini(). */
bool cs_occlude_answer(struct cs_occlude *occlude, struct cs_occlude_answer *out);
void cs_occlude_answer_fini(struct cs_occlude_answer *answer);

bool cs_occlude_finished(struct cs_occlude *occlude);
enum cs_status cs_occlude_result(struct cs_occlude *occlude, struct cs_error *error);

#endif
