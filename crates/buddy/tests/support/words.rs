//! A request in the words of the transcripts.

use buddy::ring::Request;
use common::buddy::{Progress, Token};

/// Returns what is said, then the mark, then the number of the take and the hop.
pub(crate) fn words(request: Request) -> String {
    match request {
        Request::Enlist(_) => "enlist".into(),
        Request::Ping => "ping".into(),
        Request::Pass(token, Progress { at, mark }) => {
            let token = match token {
                Token::Ask => "where were we?",
                Token::Go => "go",
            };
            format!("{token} {mark:?} ({},{})", at.take.number, at.hop)
        }
    }
}
