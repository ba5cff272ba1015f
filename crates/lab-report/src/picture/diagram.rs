//! A diagram: heads above strips, of which some are folded up. PURE.
//!
//! On the page each strip is an SVG of its own, so that the browser folds it with `<details>`, and
//! no script is needed. Alone it is one SVG with closed folds.

use maud::{Markup, PreEscaped, html};

use super::measure::Px;

/// The width of a page's contents. What is wider can be moved sideways.
const PAGE: f64 = 1180.0;

/// Something drawn, as wide as its diagram.
#[derive(Debug)]
pub(super) struct Strip {
    /// Its height in pixels.
    pub(super) height: f64,
    /// What is drawn, from 0 down to its height.
    pub(super) ink: Markup,
}

/// A stretch of a diagram.
#[derive(Debug)]
pub(super) enum Piece {
    /// Always to be seen.
    Open(Strip),
    /// To be seen on request.
    Fold {
        /// What stands for it.
        cover: Strip,
        /// What is below that if it is opened.
        inside: Strip,
    },
}

/// A diagram.
#[derive(Debug)]
pub(super) struct Diagram {
    /// What it shows, for those who cannot see it.
    pub(super) label: String,
    /// Its width in pixels.
    pub(super) width: f64,
    /// What stays in sight.
    pub(super) heads: Option<Strip>,
    /// All that is below the heads.
    pub(super) pieces: Vec<Piece>,
}

impl Diagram {
    /// Returns it for a page.
    pub(super) fn html(&self) -> Markup {
        let svg = |strip: &Strip| {
            let (w, h) = (Px(self.width), Px(strip.height));
            html! { svg viewBox={ "0 0 " (w) " " (h) } width=(w) height=(h) { (strip.ink) } }
        };
        let class = if self.width > PAGE {
            "diagram wide"
        } else {
            "diagram"
        };
        html! {
            div class=(class) role="figure" aria-label=(self.label)
                style={ "--w:" (Px(self.width)) "px" } {
                @if let Some(heads) = &self.heads { div.heads { (svg(heads)) } }
                @for piece in &self.pieces {
                    @match piece {
                        Piece::Open(strip) => (svg(strip)),
                        Piece::Fold { cover, inside } => {
                            details.fold { summary { (svg(cover)) } (svg(inside)) }
                        }
                    }
                }
            }
        }
    }

    /// Returns it alone, with `style` and `defs` inside.
    pub(super) fn svg(&self, style: &str, defs: &Markup) -> Markup {
        let strips = self
            .heads
            .iter()
            .chain(self.pieces.iter().map(|piece| match piece {
                Piece::Open(strip) | Piece::Fold { cover: strip, .. } => strip,
            }));
        let mut y = 0.0;
        let mut placed = Vec::new();
        for strip in strips {
            placed.push((y, strip));
            y += strip.height;
        }
        let (w, h) = (Px(self.width), Px(y));
        let view = format!("0 0 {w} {h}");
        html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox=(view) width=(w) height=(h) role="img" {
                title { (self.label) }
                style { (PreEscaped(style)) }
                (defs)
                rect.card width=(w) height=(h) {}
                @for (y, strip) in placed {
                    svg y=(Px(y)) width=(w) height=(Px(strip.height)) { (strip.ink) }
                }
            }
        }
    }
}
