//! Answers on their way out: each waits for all before it. PURE.

use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct ReorderBuffer {
    waiting: BTreeMap<u64, (String, usize)>,
    /// lines whose turn has come, in how many chunks, and the number of the line after them
    ready: String,
    chunks: usize,
    next: u64,
}

impl ReorderBuffer {
    /// Takes the answer to `words` words from line `first` on.
    pub(super) fn put(&mut self, first: u64, text: String, words: usize) {
        self.waiting.insert(first, (text, words));
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() == self.next
        {
            let (text, words) = entry.remove();
            self.next += words as u64;
            self.chunks += 1;
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

    /// The lines whose turn has come, and in how many chunks they were.
    pub(super) fn take(&mut self) -> (String, usize) {
        let ready = std::mem::take(&mut self.ready);
        (ready, std::mem::take(&mut self.chunks))
    }

    /// The number of lines whose turn has come so far.
    pub(super) fn passed(&self) -> u64 {
        self.next
    }
}
