//! Answers on their way out: each waits for all before it. PURE.

use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct ReorderBuffer {
    /// answers that came too early, with their number of words, by their first line
    waiting: BTreeMap<u64, (String, usize)>,
    /// lines whose turn has come, and in how many chunks they came
    ready: String,
    ready_chunks: usize,
    /// the number of lines whose turn has come so far, so also that of the line after them
    pub(super) next: u64,
}

impl ReorderBuffer {
    /// Takes the answer to the `words` words from line `first` on.
    pub(super) fn put(&mut self, first: u64, text: String, words: usize) {
        self.waiting.insert(first, (text, words));
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() == self.next
        {
            let (text, words) = entry.remove();
            self.next += words as u64;
            self.ready_chunks += 1;
            if self.ready.is_empty() {
                self.ready = text;
            } else {
                self.ready += &text;
            }
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the lines whose turn has come. Returns them and in how many chunks they came.
    pub(super) fn take(&mut self) -> (String, usize) {
        let ready = std::mem::take(&mut self.ready);
        (ready, std::mem::take(&mut self.ready_chunks))
    }
}
