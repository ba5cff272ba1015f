//! A song as spans: what each buddy did with each word that came to it. PURE.
//!
//! A journal has moments, a viewer shows stretches of time. So a span begins with the line that a
//! buddy heeds, takes in all that it does because of that line (it sings, it passes the song on),
//! and ends with the last of it. The next line that it heeds begins the next span. What has no
//! length is a mark: a buddy is lost, is back, or was killed.

use std::collections::BTreeSet;

use common::buddy::Mark as Next;
use common::journal::{Event, Word};

use super::spans::{Mark, Role, Span, Task};
use crate::life::At;
use crate::song::Song;

/// The only lane of a buddy, because it does one thing at a time.
const LANE: &str = "song";

/// Returns a song as a task.
pub(super) fn task(song: &Song<'_>) -> Task {
    let members: BTreeSet<usize> = song.members().collect();
    let starter = song.singers.first().and_then(|lives| lives.first());
    let mut task = Task {
        name: format!("{} bottles of beer", song.bottles),
        id: u64::try_from(song.id.0).unwrap_or_default(),
        life: starter
            .or_else(|| members.first())
            .copied()
            .unwrap_or_default(),
        is_nested: false,
        spans: Vec::new(),
        marks: Vec::new(),
    };
    for &life in &members {
        let mut reader = Reader {
            song,
            task: &mut task,
            open: None,
        };
        let lines = song.lives[life].lines.iter().enumerate();
        lines.for_each(|(line, it)| reader.read(At { life, line }, &it.event));
        reader.close();
        if song.is_killed(life) {
            let line = song.lives[life].lines.len().saturating_sub(1);
            task.marks.push(Mark {
                at: At { life, line },
                says: format!("{} was killed", song.name(life)),
            });
        }
    }
    task
}

/// Reads the lines of one life.
struct Reader<'a> {
    song: &'a Song<'a>,
    task: &'a mut Task,
    /// what goes on: the span to which the next line may belong
    open: Option<Span>,
}

impl Reader<'_> {
    /// Ends what goes on.
    fn close(&mut self) {
        self.task.spans.extend(self.open.take());
    }

    /// Begins something new. What was done before is over.
    fn begin(&mut self, at: At, name: String, is_heard: bool) {
        self.close();
        let mut span = Span::new(at, LANE, name, Role::Internal);
        span.heard.extend(is_heard.then_some(at));
        self.open = Some(span);
    }

    /// Something is said, or done, in what goes on.
    fn go_on(&mut self, at: At, is_said: bool) {
        if let Some(span) = &mut self.open {
            span.last = at;
            span.said.extend(is_said.then_some(at));
        }
    }

    fn mark(&mut self, at: At, says: String) {
        self.task.marks.push(Mark { at, says });
    }

    fn read(&mut self, at: At, event: &Event) {
        let name = |place| self.song.name_at(place);
        match event {
            Event::Called { .. } => self.begin(at, "roll call".into(), true),
            Event::Call { .. } => {
                if self.open.is_none() {
                    self.begin(at, "roll call".into(), false);
                }
                self.go_on(at, true);
            }
            Event::Place { id, .. } => self.begin(at, "has the roll".into(), id.is_some()),
            Event::Hear {
                word,
                mark,
                heed: true,
                ..
            } => self.begin(at, words(*word, *mark), true),
            // A span of its own beside the open one, which it does not interrupt.
            Event::Hear { word, mark, .. } => {
                let name = format!("does not heed: {}", words(*word, *mark));
                let mut span = Span::new(at, LANE, name, Role::Internal);
                span.heard.push(at);
                self.task.spans.push(span);
            }
            Event::Sing { left } => self.sing(at, *left),
            Event::Sang { .. } => {
                self.go_on(at, false);
                if let Some(span) = &mut self.open {
                    span.failed = None;
                }
            }
            Event::Say { id, word, mark, .. } => {
                // The first hop of a take: nothing that was heard has led to it.
                let begins_take = *word == Word::Ask && id.ends_with(":1");
                if begins_take || self.open.is_none() {
                    self.begin(at, words(*word, *mark), false);
                }
                self.go_on(at, true);
            }
            Event::Lost { place, why } => {
                let says = format!("gives up on {}: {why}", name(*place));
                self.mark(at, says);
            }
            Event::Back { place } => {
                let says = format!("{} answers again", name(*place));
                self.mark(at, says);
            }
            Event::Fresh { place } => {
                let says = format!("finds a new process of {}", name(*place));
                self.mark(at, says);
            }
            Event::Quiet => self.mark(at, "has heard nothing for too long".into()),
            Event::End { why } if why != "home" => self.mark(at, format!("ends: {why}")),
            _ => {}
        }
    }

    /// A verse is the work that a word has begun, unless that has led to something already.
    fn sing(&mut self, at: At, left: u64) {
        let name = format!("verse {left}");
        let begun = self.open.as_mut();
        match begun.filter(|span| !span.heard.is_empty() && span.said.is_empty()) {
            Some(span) => (span.name, span.last) = (name, at),
            None => self.begin(at, name, false),
        }
        if let Some(span) = &mut self.open {
            span.failed = Some("not sung to its end".into());
        }
    }
}

/// Returns what a message says, as people say it.
fn words(word: Word, mark: Next) -> String {
    let mark = match mark {
        Next::Left(left) => left.to_string(),
        Next::Over => "the song is over".into(),
        Next::Home => "go home".into(),
    };
    match word {
        Word::Go => format!("go: {mark}"),
        Word::Ask => format!("where were we? {mark}"),
        Word::Enlist => format!("the roll: {mark}"),
    }
}
