//! Servers that misbehave.

use std::future::pending;
use std::io;
use std::time::Duration;

use common::net::{self, Gate, Limits};
use common::secret::{
    Offer, Refusal, Reversed, SERVICE, Secret, SecretRequest, SecretResponse, Tier,
};
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
    /// It answers every word with the same one.
    Lies,
    /// It answers every word with itself, which only a second server can show to be wrong.
    Mirrors,
    /// It answers a chunk or a text with its offer.
    Confuses,
    /// It answers the question for its offer with words.
    Greets,
    /// It says that it is busy, always.
    Refuses,
}

/// Names everything, because the compiler would otherwise warn a test that uses only a part.
const _: [Fake; 11] = {
    use Fake::*;
    [
        Babbles, Boasts, Confuses, Forgets, Greets, Lies, Mirrors, Panics, Refuses, Shouts, Sits,
    ]
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
    ) -> Result<SecretResponse, ServerError> {
        let is_offer = matches!(request, SecretRequest::Offer {});
        match self {
            Self::Shouts if !is_offer => {
                let words = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}31m";
                return Err(ServerError::new(io::ErrorKind::Other, words.into()));
            }
            Self::Confuses if !is_offer => {
                return Ok(SecretResponse::Offer(Offer { workers: 2 }));
            }
            Self::Greets if is_offer => {
                return Ok(SecretResponse::Reverse(Ok("hello".into())));
            }
            _ => {}
        }
        self.serve().serve(context, request).await
    }
}

impl Secret for Fake {
    async fn reverse(self, context: Context, text: String) -> Result<String, Refusal> {
        self.fast_reverse(context, text, None).await
    }

    async fn fast_reverse(
        self,
        _: Context,
        text: String,
        _: Option<String>,
    ) -> Result<String, Refusal> {
        match self {
            Self::Lies => Ok("LIE".into()),
            Self::Mirrors => Ok(text),
            _ => Err(Refusal::Busy),
        }
    }

    async fn reverse_words(self, _: Context, _: Tier, text: String) -> Result<Reversed, Refusal> {
        let told = |text| {
            Ok(Reversed {
                text,
                waited: Duration::ZERO,
                worked: Duration::ZERO,
            })
        };
        match self {
            Self::Forgets => {
                let rest = text.lines().skip(1);
                told(rest.map(|word| format!("{word}\n")).collect())
            }
            Self::Lies => told("LIE\n".repeat(text.lines().count())),
            Self::Mirrors => told(text),
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
            Self::Refuses => Err(Refusal::Busy),
            Self::Sits | Self::Shouts | Self::Confuses | Self::Greets => pending().await,
        }
    }

    async fn offer(self, _: Context) -> Offer {
        Offer { workers: 2 }
    }
}
