//! All songs, rooms and lists of a run, as spans. PURE.

use super::spans::Task;
use super::{chat, list, song};
use crate::run::Run;

/// Returns the tasks of a run of which there is something to show.
pub(super) fn tasks(run: &Run<'_>) -> Vec<Task> {
    let songs = run.songs.iter().map(song::task);
    let lists = run.lists.iter().map(|list| list::task(run.lives, list));
    let tasks = songs.chain(chat::tasks(run)).chain(lists);
    let is_something = |task: &Task| !task.spans.is_empty() || !task.marks.is_empty();
    tasks.filter(is_something).collect()
}
