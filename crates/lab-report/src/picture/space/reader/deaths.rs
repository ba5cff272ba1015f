//! Reads of those that die, are given up on, and come back. PURE.
//!
//! A killed process writes nothing of its death. So a death is known from its journal, which has no
//! end, and is drawn where another buddy notices it. One that is given up on and lives is in doubt.

use super::Reader;
use crate::life::At;
use crate::picture::space::rows::Kind;
use crate::picture::space::sentence;

impl Reader<'_> {
    /// One buddy gives up on another: on a dead one, or wrongly on a living one.
    pub(super) fn lose(&mut self, at: At, place: usize, gone: usize, why: &str) {
        let tries = self.tries.remove(&(at.life, gone)).unwrap_or_default();
        let says = sentence::lost(&self.name(place), &self.name(gone), why, tries);
        let row = self.push_odd(at, place, Kind::Lost, says);
        if !self.open_graves.contains_key(&gone) {
            self.open_doubts.entry(gone).or_insert(row);
        }
    }

    /// A life has the roll. The first one at a place needs no row.
    pub(super) fn enter(&mut self, at: At, place: usize) {
        if self.placed.insert(place) {
            return;
        }
        let pid = self.rows.song.lives[at.life].pid;
        let me = self.name(place);
        let says = format!("{me} is back as process {pid}, knows nothing, and is told the roll");
        let from = self.source(at);
        let row = self.push_odd(at, place, Kind::Born, says);
        self.rows.all[row].from = from;
        if let Some(since) = self.open_graves.remove(&place) {
            self.rows.dead.push((place, since, Some(row)));
        }
    }

    /// Draws a death at the line that noticed it, because the moment itself is not known.
    pub(super) fn bury(&mut self, life: usize, noticed: At) {
        let place = self.places[&life];
        let lines = self.rows.song.lives[life].lines.len();
        let order = self.rows.song.order;
        let last = order.time(At {
            life,
            line: lines - 1,
        });
        let (me, pid) = (self.name(place), self.rows.song.lives[life].pid);
        let before = self.here.get(&noticed.life).copied();
        let sign = self.here.get(&life).copied();
        let since = (noticed.life != life).then(|| order.time(noticed) - last);
        let says = sentence::killed(&me, pid, since);
        let row = self.push_odd(noticed, place, Kind::Killed, says);
        // The row is that of the dead, and not of the one that noticed.
        match before {
            Some(before) => self.here.insert(noticed.life, before),
            None => self.here.remove(&noticed.life),
        };
        self.rows
            .fading
            .push((place, sign.unwrap_or(row), Some(row)));
        self.open_graves.insert(place, row);
        self.trust(place, row);
    }
}
