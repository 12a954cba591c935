/* h5_dataset.h: data sets in one HDF5 file, as `data export` writes them. */
#ifndef CS_DATA_H5_DATASET_H
#define CS_DATA_H5_DATASET_H

#include "data/dataset.h"

extern const struct cs_dataset_ops cs_h5_dataset;

#endif
