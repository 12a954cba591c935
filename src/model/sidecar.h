/* sidecar.h: what a person said once of a model file that does not say it itself: how pixels go in, what its classes are called, the
 * architecture its weights belong to, the size of its pictures. The model file is never touched. Inside the model room only, but for model.h's part.
 *
 * It is JSON in MODEL.convscope.json beside the file, or, where that directory cannot be written, in
 * $XDG_DATA_HOME/convscope/models (~/.local/share). The latter comes first when both are there: it is only written when the former cannot be.
 */
#ifndef CS_MODEL_SIDECAR_H
#define CS_MODEL_SIDECAR_H

#include "model/model.h"

#include <jansson.h>

/* What was said of the model file at `path`: a JSON object, NULL where there is nothing, or nothing that can be understood, of which a warning
 * tells. *where receives the sidecar's path; both to be freed. */
json_t *cs_sidecar_open(const char *path, char **where);

/* The architecture as text, to be freed (NULL: none), and rows and columns, which stay as they are where nothing is said. */
char *cs_sidecar_arch(const json_t *sidecar, int64_t size[2]);

/* Pre-processing, unless the file said it, and names of classes into the model. What is not valid is left out, with a warning. */
void cs_sidecar_apply(const json_t *sidecar, const char *where, struct cs_model *model);

#endif
