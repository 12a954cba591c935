/* tiny_imagenet.h: Tiny ImageNet, straight from tiny-imagenet-200.zip or its unpacked folder.
 *
 * Protocol of the paper: a share of train per class, by seed, is the validation split; the folder `val` is the test split. Classes are
 * those of wnids.txt, in its order; their names are the first of words.txt. The unlabelled pictures of the folder `test` are not read.
 */
#ifndef CS_DATA_TINY_IMAGENET_H
#define CS_DATA_TINY_IMAGENET_H

#include "data/dataset.h"

extern const struct cs_dataset_ops cs_tiny_imagenet_dataset;

#endif
