//! The input of the networks: images on the device, batches, and the images for criteria.

mod batches;
mod calibration;
mod images;

pub(crate) use batches::BatchOrder;
pub(crate) use calibration::Calibration;
pub(crate) use images::{Batch, DeviceImages, PixelScale, Splits};
