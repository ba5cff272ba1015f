//! A diagram: heads above strips, of which some are folded up. PURE.
//!
//! On the page each strip is an SVG of its own, so that the browser folds it with `<details>`, and
//! no script is needed. Alone it is one SVG with closed folds.
//!
//! Everything is drawn twice, for a desk and for a phone, and the style shows one of them: what is
//! only made smaller cannot be read, and what can be moved sideways hides most of itself.

use maud::{Markup, PreEscaped, html};

use super::measure::Px;

/// For what a diagram is drawn. What stands side by side on a desk is one below the other on a
/// phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    /// A wide screen, and paper.
    Desk,
    /// A narrow screen.
    Phone,
}

impl Screen {
    /// Returns the width of a diagram, in pixels: that of the page without its margins.
    pub(super) fn width(self) -> f64 {
        match self {
            Self::Desk => 1180.0,
            Self::Phone => 336.0,
        }
    }

    /// Returns the first value for a desk, the second one for a phone.
    pub(super) fn either<T>(self, desk: T, phone: T) -> T {
        match self {
            Self::Desk => desk,
            Self::Phone => phone,
        }
    }
}

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
    /// For what it is drawn.
    pub(super) screen: Screen,
    /// How much of the width is used, in pixels: alone it is not wider.
    pub(super) used: f64,
    /// What stays in sight.
    pub(super) heads: Option<Strip>,
    /// The names that the heads do not show in full.
    pub(super) key: Option<Markup>,
    /// All that is below the heads.
    pub(super) pieces: Vec<Piece>,
}

/// Returns what `draw` draws for each screen.
pub(super) fn both(draw: impl Fn(Screen) -> Diagram) -> Markup {
    html! { (draw(Screen::Desk).html()) (draw(Screen::Phone).html()) }
}

impl Diagram {
    /// Returns it for a page.
    fn html(&self) -> Markup {
        let width = Px(self.screen.width());
        let svg = |strip: &Strip| {
            let h = Px(strip.height);
            html! { svg viewBox={ "0 0 " (width) " " (h) } { (strip.ink) } }
        };
        let class = self.screen.either("desk", "phone");
        html! {
            figure class=(class) aria-label=(self.label) {
                @if let Some(key) = &self.key { (key) }
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
        let (w, h) = (Px(self.used), Px(y));
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
