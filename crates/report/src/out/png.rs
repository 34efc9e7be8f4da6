//! Draws PNG files with a font of its own: they are the same on every machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::ReportError;

/// Pixels of the image per pixel of the drawing.
const SCALE: f32 = 2.0;

/// Renders SVG as pixels.
pub(crate) struct Renderer {
    options: Options<'static>,
}

impl Default for Renderer {
    fn default() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Self { options: Options { fontdb: Arc::new(fonts), ..Options::default() } }
    }
}

impl Renderer {
    /// Returns the PNG file of the drawing of `figure`.
    ///
    /// # Errors
    /// `svg` is not a drawing, or is too large.
    pub(crate) fn png(&self, figure: &'static str, svg: &str) -> Result<Vec<u8>, ReportError> {
        let failed = |reason: String| ReportError::Figure { figure, reason };
        let tree = Tree::from_str(svg, &self.options).map_err(|error| failed(error.to_string()))?;
        let size = tree.size().to_int_size().scale_by(SCALE);
        let pixels = size.and_then(|size| Pixmap::new(size.width(), size.height()));
        let mut pixels = pixels.ok_or_else(|| failed("it is too large for an image".into()))?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_drawing_or_too_large_is_refused() {
        let huge =
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="2000000000" height="2000000000"/>"#;
        for svg in ["no drawing", huge] {
            let refused = Renderer::default().png("loss", svg).unwrap_err().to_string();
            assert!(refused.contains("the figure loss"), "{refused}");
        }
    }
}
