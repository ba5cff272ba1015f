//! Servers that misbehave.

use std::future::pending;
use std::time::Duration;

use common::net::{self, Limits};
use common::secret::{Offer, Refusal, Reversed, SERVICE, Secret, Tier};
use tarpc::context::Context;
use tarpc::server::Serve as _;

use super::place::Place;

/// Behaves in an unexpected way.
#[derive(Clone, Copy)]
pub(crate) enum Fake {
    /// answers with a word less than asked
    Forgets,
    /// panics on every chunk
    Panics,
    /// takes chunks and never answers
    Sits,
}

impl Fake {
    /// An address where it is found.
    pub(crate) async fn place(self) -> Place {
        let mut place = Place::empty().await;
        place.host(|listener| {
            let limits = Limits::default();
            tokio::spawn(net::serve(
                listener,
                SERVICE,
                limits,
                pending::<()>(),
                move |connection| {
                    let fake = self.serve();
                    connection.answer(move |context, request| fake.clone().serve(context, request))
                },
            ))
        });
        place
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
            Self::Forgets => Ok(Reversed {
                text: text
                    .lines()
                    .skip(1)
                    .map(|word| format!("{word}\n"))
                    .collect(),
                waited: Duration::ZERO,
                worked: Duration::ZERO,
            }),
            Self::Panics => panic!("as requested"),
            Self::Sits => pending().await,
        }
    }

    async fn offer(self, _: Context) -> Offer {
        Offer { workers: 2 }
    }
}
