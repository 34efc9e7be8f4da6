//! The input of the networks: images on the device, batches, and the images for criteria.

mod augmentation;
mod batches;
mod blocks;
mod calibration;
mod fit;
mod images;
mod scale;

pub(crate) use augmentation::{Augmentation, Change};
pub(crate) use batches::BatchOrder;
pub(crate) use calibration::Calibration;
pub(crate) use fit::fit;
pub(crate) use images::{Batch, DeviceImages, Splits};
pub(crate) use scale::PixelScale;
