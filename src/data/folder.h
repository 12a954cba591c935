/* folder.h: a folder (or a zip) of class folders.
 *
 * Either CLASS/... or train/CLASS/..., with val (or valid, validation) and test beside train where they exist. Classes are the
 * folders' names in byte order; pictures are JPEG and PNG files by content, at any depth within their class.
 */
#ifndef CS_DATA_FOLDER_H
#define CS_DATA_FOLDER_H

#include "data/dataset.h"

extern const struct cs_dataset_ops cs_folder_dataset;

#endif
