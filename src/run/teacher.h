/* teacher.h: a trained model whose answers are a part of what a network is to learn (distillation: Hinton, Vinyals and Dean 2015, at
 * temperature 1). The target of an image is share * (the teacher's probabilities) + (1 - share) * (its label).
 */
#ifndef CS_RUN_TEACHER_H
#define CS_RUN_TEACHER_H

#include "core/batch.h"
#include "core/workers.h"
#include "data/dataset.h"
#include "model/model.h"

struct cs_teacher;

/* Can a model teach a network of this input shape, fed with the pre-processing `fed`, about this data set? Errors: CS_ERR_ARGUMENT (the share is not in 0
 * to 1), CS_ERR_SHAPE (it takes other pictures, or tells other classes apart, or in another order), CS_ERR_UNSUPPORTED (one of them whitens, or the order of
 * their channels differs). */
enum cs_status cs_teacher_check(const struct cs_model *model, const struct cs_dataset *data,
	const struct cs_shape *input, const struct cs_preprocess *fed, float share, struct cs_error *error);

/* A teacher of batches of at most `capacity` images, as they are fed to a network with the pre-processing `fed`; both were checked. The model is
 * borrowed. */
enum cs_status cs_teacher_new(const struct cs_model *model, const struct cs_preprocess *fed, float share, int capacity,
	struct cs_workers *workers, struct cs_teacher **out, struct cs_error *error);
void cs_teacher_free(struct cs_teacher *teacher);

/* The batch with targets [count,classes]; an image without a label has the teacher's answer for one. Borrows the batch; the targets are valid until the
 * next call. The same bits for any number of threads. */
struct cs_batch cs_teacher_answer(struct cs_teacher *teacher, const struct cs_batch *batch);

#endif
