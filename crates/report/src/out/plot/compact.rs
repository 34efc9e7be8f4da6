//! Makes a drawing smaller: removes what is the default anyway.

use crate::out::plot::format::DASHED;

/// Attributes whose values are the defaults.
const DEFAULTS: [&str; 5] = [
    " opacity=\"1\"",
    " stroke=\"none\"",
    " stroke-width=\"1\"",
    " text-anchor=\"start\"",
    " font-family=\"sans-serif\"",
];

/// Returns the same drawing. The font is named once, and a dashed line is one element.
pub(super) fn compact(svg: &str) -> String {
    let dashed = (format!(" opacity=\"{DASHED}\""), " stroke-dasharray=\"6 4\"");
    let mut text = String::with_capacity(svg.len());
    for line in svg.lines() {
        let mut line = line.to_owned();
        // Text between tags stays as it is.
        if line.starts_with('<') {
            for default in DEFAULTS {
                line = line.replace(default, "");
            }
            line = line.replace(&dashed.0, dashed.1).replace(" \"", "\"");
            line = line.replacen("<svg", "<svg font-family=\"sans-serif\"", 1);
        }
        text.push_str(&line);
        if line.ends_with("/>") || line.ends_with("</text>") || line == "</svg>" {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_go_and_text_stays() {
        let svg = "<svg width=\"9\">\n<circle r=\"3\" opacity=\"1\" stroke=\"none\" stroke-width=\"1\"/>\n\
                   <polyline opacity=\"0.999\" stroke-width=\"2\" points=\"1,2 3,4 \"/>\n\
                   <text x=\"1\" text-anchor=\"start\" font-family=\"sans-serif\">\n opacity=&quot;1&quot;\n</text>\n\
                   </svg>\n";
        let expected = "<svg font-family=\"sans-serif\" width=\"9\"><circle r=\"3\"/>\n\
                        <polyline stroke-dasharray=\"6 4\" stroke-width=\"2\" points=\"1,2 3,4\"/>\n\
                        <text x=\"1\"> opacity=&quot;1&quot;</text>\n</svg>\n";
        assert_eq!(compact(svg), expected);
    }
}
