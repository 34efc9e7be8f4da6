//! Decodes one image file.

use std::io::Cursor;
use std::path::Path;

use image::imageops::FilterType;
use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::text::plain;
use crate::whole::read_whole;

/// Bytes of an image file, and of a decoded image.
pub(super) const FILE_BYTES: u64 = 256 << 20;
const DECODED_BYTES: u64 = 1 << 30;

/// The most pixels of an image that is scaled. Scaling takes sixteen bytes for each.
const SCALED_PIXELS: f64 = (1 << 26) as f64;

/// A decoded image: rows of pixels, each with its channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) height: usize,
    pub(super) width: usize,
    /// 1 (grey), 3 (red, green, blue) or 4 (with opacity).
    pub(super) channels: usize,
    pixels: Vec<u8>,
}

/// Returns the number of channels of an image from the start of its file; `None` if it is not an image.
pub(super) fn channels(bytes: &[u8]) -> Option<usize> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    Some(channels_of(reader.into_decoder().ok()?.color_type()))
}

fn channels_of(color: ColorType) -> usize {
    match (color.has_color(), color.has_alpha()) {
        (_, true) => 4,
        (true, false) => 3,
        (false, false) => 1,
    }
}

/// Opens an image file. With `resize`, it is scaled until it covers this height and width, and its centre is cut out.
///
/// # Errors
/// The file cannot be read, or is not an image; the reason.
pub(super) fn open(path: &Path, resize: Option<[usize; 2]>) -> Result<DynamicImage, String> {
    let bytes = read_whole(path, FILE_BYTES).map_err(|error| error.to_string())?;
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| plain(&error.to_string()))?;
    match resize {
        Some(size) => resized(&image, size),
        None => Ok(image),
    }
}

/// Scales an image until it covers a height and width, and cuts out its centre.
///
/// # Errors
/// The scaled image would take too much memory: the size is large, or the image is long and narrow.
fn resized(image: &DynamicImage, [height, width]: [usize; 2]) -> Result<DynamicImage, String> {
    let (rows, columns) = (f64::from(image.height()), f64::from(image.width()));
    let scale = f64::max(height as f64 / rows, width as f64 / columns);
    let pixels = rows * scale * columns * scale;
    if pixels.is_nan() || pixels > SCALED_PIXELS {
        return Err(format!(
            "{rows} × {columns} pixels cannot be scaled to cover {height} × {width}: it would have more than \
             {SCALED_PIXELS} pixels"
        ));
    }
    Ok(image.resize_to_fill(width as u32, height as u32, FilterType::Triangle))
}

/// Decodes an image file, as [`open`].
///
/// # Errors
/// As [`open`].
pub(super) fn decode(path: &Path, resize: Option<[usize; 2]>) -> Result<Decoded, String> {
    let image = open(path, resize)?;
    let (height, width) = (image.height() as usize, image.width() as usize);
    let channels = channels_of(image.color());
    let pixels = match channels {
        4 => image.into_rgba8().into_raw(),
        3 => image.into_rgb8().into_raw(),
        _ => image.into_luma8().into_raw(),
    };
    Ok(Decoded { height, width, channels, pixels })
}

impl Decoded {
    /// Appends the pixels with `channels` channels, at least its own. Grey becomes colour, and what has no opacity
    /// is opaque.
    pub(super) fn append_to(&self, images: &mut Vec<u8>, channels: usize) {
        if channels == self.channels {
            images.extend(&self.pixels);
            return;
        }
        for pixel in self.pixels.chunks(self.channels) {
            let colour =
                if let [grey] = pixel { [*grey; 3] } else { [pixel[0], pixel[1], pixel[2]] };
            images.extend(colour);
            images.extend((channels == 4).then_some(u8::MAX));
        }
    }
}
