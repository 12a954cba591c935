/* cifar.h: CIFAR-10 and CIFAR-100 in their binary version: a folder, a zip or the published .tar.gz, or one of the .bin files. */
#ifndef CS_DATA_CIFAR_H
#define CS_DATA_CIFAR_H

#include "data/dataset.h"

extern const struct cs_dataset_ops cs_cifar_dataset;

#endif
