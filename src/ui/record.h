/* record.h: what was done by hand, written down as a Lua script that does it again without a screen.
 *
 * The script uses the public library alone (convscope-lua(7)): opening a model and its images, the choices of rule, signal and scale,
 * lines typed at the prompt, analyses, the order of a layer's features, and every export: sheets with what stood on the screen, and tables and
 * figures through cs.exports. The file is rewritten after each line, so that
 * it is whole whatever happens.
 */
#ifndef CS_UI_RECORD_H
#define CS_UI_RECORD_H

#include "ui/session.h"

struct cs_exhibit;
struct cs_grid;
struct cs_record;

/* Begin to record into `path`. Errors: CS_ERR_EXISTS when there is such a file already; CS_ERR_IO. */
enum cs_status cs_record_start(struct cs_session *session, const char *path, struct cs_error *error);
/* End; says where the script is. Nothing when none is recorded. */
void cs_record_stop(struct cs_session *session);

/* A line of the script, with the model and images that are open brought up first when they are others than before. Nothing happens while no
 * script is recorded. */
void cs_record_line(struct cs_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The choices that hold everywhere: rule, signal, scale. Written when they change. */
void cs_record_choices(struct cs_session *session);

/* An exported sheet of pictures. */
void cs_record_sheet(
	struct cs_session *session, const struct cs_exhibit *exhibits, int count, int columns, const char *stem);

/* An analysis that was started: its options as lines "key=value", and where its result goes. */
void cs_record_analysis(struct cs_session *session, const char *name, const char *options, const char *directory);

/* A layer whose features were sorted; `order` as cs_order_name() has it. */
void cs_record_order(struct cs_session *session, int layer, const char *order);

/* An export by cs.exports (lua/convscope/exports.lua): `call` is what stands between "cs.exports." and the closing parenthesis, "network(model,
 * data.test, \"stem\"" say. */
void cs_record_export(struct cs_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An export from the result of an analysis of the open model: cs.exports.FUNCTION(path, stem, rest); `rest` may be "". */
void cs_record_result(
	struct cs_session *session, const char *analysis, const char *function, const char *stem, const char *rest);

/* An exported table of a result, sorted as on the screen. */
void cs_record_grid(struct cs_session *session, const char *analysis, const struct cs_grid *grid, const char *stem);

/* An image as the script names it, into text[size]. */
const char *cs_record_image(const struct cs_session *session, int64_t image, char *text, size_t size);

/* A text as a Lua string, quotes included, into text[size]. */
const char *cs_record_quote(const char *from, char *text, size_t size);

#endif
