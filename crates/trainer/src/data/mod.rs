//! The input of the networks: images on the device, batches, and the images for criteria.

mod augmentation;
mod batches;
mod calibration;
mod images;

pub(crate) use augmentation::{Augmentation, Change};
pub(crate) use batches::BatchOrder;
pub(crate) use calibration::Calibration;
pub(crate) use images::{Batch, DeviceImages, PixelScale, Splits};
