/* idx.h: data sets in idx files, as MNIST, Fashion-MNIST and EMNIST are published: images and labels in files of their own, gzipped or not, in a
 * folder, a zip or a tar. One of the files stands for all that belong to it. */
#ifndef CS_DATA_IDX_H
#define CS_DATA_IDX_H

#include "data/dataset.h"

extern const struct cs_dataset_ops cs_idx_dataset;

#endif
