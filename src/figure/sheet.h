/* sheet.h: several pictures on one sheet, and the numbers they were drawn from beside it: what the browser exports and cs.sheet
 * writes. The same items give the same bytes.
 */
#ifndef CS_FIGURE_SHEET_H
#define CS_FIGURE_SHEET_H

#include "core/tensor.h"
#include "io/picture.h"

/* One place of a sheet. Everything is borrowed but `drawn`, which cs_sheet_draw() fills. */
struct cs_sheet_item {
	const char *name; /* in the files: "conv2-feature17" */
	const struct cs_tensor *numbers; /* [h,w,c] drawn around mid-grey; or NULL */
	const struct cs_picture *picture; /* where there are no numbers: shown as it is; or NULL: an empty place */
	float value; /* the activation that it stands for */
	float limit; /* written: the absolute number that has full colour; 0: nothing but zeros */
	struct cs_picture drawn; /* to be freed */
};

/* Draw all items: each on a scale of its own, or all numbers on the one that fits the largest of them. Errors: CS_ERR_MEMORY. */
enum cs_status cs_sheet_draw(struct cs_sheet_item *items, int count, bool shared, struct cs_error *error);

/* Write drawn items as a PNG: `columns` a row, each 160 pixels along its longer side, on grey; activations and limits go along as text.
 * Errors: CS_ERR_NOT_FOUND when there is no picture at all; CS_ERR_IO. The file appears whole or not at all. */
enum cs_status cs_sheet_save(
	const struct cs_sheet_item *items, int count, int columns, const char *path, struct cs_error *error);

/* Write the numbers (and pictures) of all items as HDF5, one data set an item, with the attributes `activation` and `limit`. */
enum cs_status cs_sheet_save_numbers(
	const struct cs_sheet_item *items, int count, const char *path, struct cs_error *error);

/* Both: stem.png and stem.hdf5. When the second cannot be written the first is taken away again. */
enum cs_status cs_sheet_export(
	const struct cs_sheet_item *items, int count, int columns, const char *stem, struct cs_error *error);

#endif
