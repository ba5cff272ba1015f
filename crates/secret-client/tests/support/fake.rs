//! Servers that misbehave.

use std::future::pending;
use std::io;
use std::time::Duration;

use common::net::{self, Gate, Limits};
use common::secret::{Offer, Refusal, Reversed, SERVICE, Secret, SecretRequest, Tier};
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve as _;

use super::place::Place;

/// How a server misbehaves.
#[derive(Clone, Copy)]
pub(crate) enum Fake {
    /// It answers with a word less than asked.
    Forgets,
    /// It panics on every chunk.
    Panics,
    /// It takes chunks and never answers.
    Sits,
    /// It answers everything with an error that would clear the screen.
    Shouts,
    /// It answers rightly, and says that it took longer than the world exists.
    Boasts,
    /// It answers a word with a thousand.
    Babbles,
}

/// Names everything, because the compiler would otherwise warn a test that uses only a part.
const _: [Fake; 6] = {
    use Fake::{Babbles, Boasts, Forgets, Panics, Shouts, Sits};
    [Babbles, Boasts, Forgets, Panics, Shouts, Sits]
};

impl Fake {
    /// A place with such a server.
    pub(crate) async fn place(self) -> Place {
        let mut place = Place::empty().await;
        place.host(|listener| {
            let serve = net::serve(
                listener,
                SERVICE,
                Gate::new(Limits::default()),
                pending::<()>(),
                move |connection| {
                    connection.answer(move |context, request| self.answer(context, request))
                },
            );
            tokio::spawn(serve)
        });
        place
    }

    async fn answer(
        self,
        context: Context,
        request: SecretRequest,
    ) -> Result<common::secret::SecretResponse, ServerError> {
        if let (Self::Shouts, SecretRequest::Reverse { .. } | SecretRequest::ReverseWords { .. }) =
            (self, &request)
        {
            let words = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}31m";
            return Err(ServerError::new(io::ErrorKind::Other, words.into()));
        }
        self.serve().serve(context, request).await
    }
}

impl Secret for Fake {
    async fn reverse(self, _: Context, _: String) -> Result<String, Refusal> {
        Err(Refusal::Busy)
    }

    async fn fast_reverse(
        self,
        _: Context,
        _: String,
        _: Option<String>,
    ) -> Result<String, Refusal> {
        Err(Refusal::Busy)
    }

    async fn reverse_words(self, _: Context, _: Tier, text: String) -> Result<Reversed, Refusal> {
        match self {
            Self::Forgets => {
                let rest = text.lines().skip(1);
                Ok(Reversed {
                    text: rest.map(|word| format!("{word}\n")).collect(),
                    waited: Duration::ZERO,
                    worked: Duration::ZERO,
                })
            }
            Self::Boasts => Ok(Reversed {
                text: secret_server::reverse::reverse_words(text),
                waited: Duration::MAX,
                worked: Duration::MAX,
            }),
            Self::Babbles => Ok(Reversed {
                text: "\u{1b}[2J\n".repeat(1000),
                waited: Duration::MAX,
                worked: Duration::ZERO,
            }),
            Self::Panics => panic!("as requested"),
            Self::Sits | Self::Shouts => pending().await,
        }
    }

    async fn offer(self, _: Context) -> Offer {
        Offer { workers: 2 }
    }
}
