//! The polls that are out, and the order in which their answers are read. PURE.
//!
//! One poll waits at the server, and one more may follow it: the server answers that one with what
//! comes after the first one's answer. So a reader is told at once what is said, and asks for more
//! in a quiet moment, not when all readers of a room ask as well. Answers may arrive in any order,
//! and are read in the order of the calls, because the cursor moves with each.

use std::collections::VecDeque;
use std::time::Duration;

use common::chat::Page;

use crate::effect::CallError;

/// How long a reader hears nothing before it makes a call that follows the poll: longer than it
/// takes to hand a message to a thousand readers.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

type Answer = Result<Vec<Page>, CallError>;

/// The polls of one reader, two at most.
#[derive(Default)]
pub(crate) struct Polls {
    /// each with its number, and with its answer if that has come too early; the oldest first
    out: VecDeque<(u64, Option<Answer>)>,
    /// how many more are out of which nothing is read, because one before them has failed
    void: usize,
    /// how many there were
    made: u64,
    /// whether none is made for now
    is_paused: bool,
}

impl Polls {
    /// Returns the number of a poll that begins now. `None` if one is out.
    pub(crate) fn begin(&mut self) -> Option<u64> {
        let is_free = self.out.is_empty() && self.void == 0 && !self.is_paused;
        is_free.then(|| self.add())
    }

    /// Returns the number of a call that follows the poll now. `None` if there is no poll, or one
    /// follows already.
    pub(crate) fn follow(&mut self) -> Option<u64> {
        matches!(*self.out.make_contiguous(), [(_, None)]).then(|| self.add())
    }

    fn add(&mut self) -> u64 {
        self.made += 1;
        self.out.push_back((self.made, None));
        self.made
    }

    /// Notes the answer to the poll of this number.
    pub(crate) fn answered(&mut self, number: u64, answer: Answer) {
        match self.out.iter_mut().find(|(out, _)| *out == number) {
            Some((_, early)) => *early = Some(answer),
            None => self.void = self.void.saturating_sub(1),
        }
    }

    /// Returns the answer that is to be read next, if it has come. After a failure nothing is read
    /// of the polls that were out.
    pub(crate) fn next(&mut self) -> Option<Answer> {
        let answer = self.out.front_mut()?.1.take()?;
        self.out.pop_front();
        if answer.is_err() {
            self.void += self.out.iter().filter(|(_, early)| early.is_none()).count();
            self.out.clear();
        }
        Some(answer)
    }

    /// Makes no poll for now.
    pub(crate) fn pause(&mut self) {
        self.is_paused = true;
    }

    /// Makes polls again.
    pub(crate) fn resume(&mut self) {
        self.is_paused = false;
    }
}

#[cfg(test)]
mod tests {
    use common::chat::Refusal;

    use super::*;

    /// Returns pages by which an answer can be told from others.
    fn pages(count: usize) -> Vec<Page> {
        let page = Page {
            room: "a".into(),
            entries: Vec::new(),
            first: 1,
            head: 1,
            epoch: 1,
            damaged: 0,
        };
        vec![page; count]
    }

    /// Returns how many pages the next answer has, or that it is a failure.
    fn read(polls: &mut Polls) -> Option<Result<usize, ()>> {
        let answer = polls.next()?;
        Some(answer.map(|pages| pages.len()).map_err(drop))
    }

    fn failure() -> CallError {
        CallError::Refused(Refusal::NoSession)
    }

    #[test]
    fn one_poll_waits_and_one_follows_it() {
        let mut polls = Polls::default();
        assert_eq!(polls.follow(), None, "there is none");
        assert_eq!((polls.begin(), polls.begin()), (Some(1), None));
        assert_eq!((polls.follow(), polls.follow()), (Some(2), None));
        polls.answered(1, Ok(pages(1)));
        assert_eq!(read(&mut polls), Some(Ok(1)));
        assert_eq!((polls.begin(), polls.follow()), (None, Some(3)));
        polls.answered(2, Ok(pages(2)));
        polls.answered(3, Ok(pages(3)));
        assert_eq!(
            (read(&mut polls), read(&mut polls)),
            (Some(Ok(2)), Some(Ok(3)))
        );
        assert_eq!((read(&mut polls), polls.begin()), (None, Some(4)));
    }

    #[test]
    fn an_answer_that_overtakes_another_is_read_after_it() {
        let mut polls = Polls::default();
        assert_eq!((polls.begin(), polls.follow()), (Some(1), Some(2)));
        polls.answered(2, Ok(pages(2)));
        assert_eq!((read(&mut polls), polls.follow()), (None, None));
        polls.answered(1, Ok(pages(1)));
        assert_eq!(
            (read(&mut polls), read(&mut polls)),
            (Some(Ok(1)), Some(Ok(2)))
        );
    }

    #[test]
    fn nothing_is_read_after_a_failure_and_no_poll_is_made_before_all_are_over() {
        let mut polls = Polls::default();
        assert_eq!((polls.begin(), polls.follow()), (Some(1), Some(2)));
        polls.answered(1, Err(failure()));
        assert_eq!(read(&mut polls), Some(Err(())));
        assert_eq!((read(&mut polls), polls.begin()), (None, None));
        polls.answered(2, Ok(pages(2)));
        assert_eq!((read(&mut polls), polls.begin()), (None, Some(3)));
        // The one that follows fails first.
        polls.follow();
        polls.answered(4, Err(failure()));
        assert_eq!(read(&mut polls), None);
        polls.answered(3, Err(failure()));
        assert_eq!((read(&mut polls), read(&mut polls)), (Some(Err(())), None));
        polls.pause();
        assert_eq!(polls.begin(), None);
        polls.resume();
        assert_eq!(polls.begin(), Some(5));
    }
}
