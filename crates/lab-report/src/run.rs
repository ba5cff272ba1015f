//! All that the journals of a run tell: its songs, rooms and lists, and what is said of them. PURE.

use crate::chat::Room;
use crate::counts::count;
use crate::life::Life;
use crate::list::List;
use crate::order::Order;
use crate::song::Song;
use crate::verdict::{Judgement, Verdict};

/// What is said of a run.
#[derive(Debug)]
pub struct Report {
    /// A judgement for each song, then for each room, then for each list.
    pub judgements: Vec<Judgement>,
    /// What has to be said of the journals themselves.
    pub notes: Vec<String>,
}

impl Report {
    /// Returns the worst verdict. It is not yes if nothing was judged, or if a journal cannot be
    /// read or contradicts another one, because then the others do not tell the whole.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.judgements.iter().map(Judgement::verdict);
        let doubt = (!self.notes.is_empty()).then_some(Verdict::Unknown);
        verdicts.chain(doubt).max().unwrap_or(Verdict::Unknown)
    }
}

/// What is known of a run.
#[derive(Debug)]
pub struct Run<'a> {
    /// All journals.
    pub lives: &'a [Life],
    /// Their order.
    pub order: &'a Order,
    /// Each song.
    pub songs: Vec<Song<'a>>,
    /// Each room of a chat.
    pub rooms: Vec<Room<'a>>,
    /// Each word list.
    pub lists: Vec<List<'a>>,
    /// What is said of them.
    pub report: Report,
}

impl<'a> Run<'a> {
    /// Judges the run in which `lives` took part. The `strangers` are sentences about files that
    /// are not journals.
    #[must_use]
    pub fn new(lives: &'a [Life], order: &'a Order, strangers: Vec<String>) -> Self {
        let songs = Song::all(lives, order);
        let rooms = Room::all(lives, order);
        let lists = List::all(lives);
        let judgements = songs.iter().map(Song::judge);
        let judgements = judgements.chain(rooms.iter().map(Room::judge));
        let judgements = judgements.chain(lists.iter().map(List::judge)).collect();
        let contradictions = (order.contradictions > 0).then(|| {
            let (one, many) = (
                "message was heard before it was sent",
                "messages were heard before they were sent",
            );
            count(order.contradictions, one, many) + ": some journal is not true"
        });
        let notes = contradictions.into_iter().chain(strangers).collect();
        Self {
            lives,
            order,
            songs,
            rooms,
            lists,
            report: Report { judgements, notes },
        }
    }
}
