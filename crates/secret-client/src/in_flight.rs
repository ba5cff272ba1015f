//! InFlight to servers, and how to drop one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use common::secret::{Refusal, Reversed, Tier};
use futures::future::{AbortHandle, Abortable};
use tarpc::client::RpcError;
use tarpc::context;

use crate::keeper::{Client, call_limit};
use crate::queue::{Call, ServerId};

/// What came of a call.
pub struct Answer {
    /// Who was asked.
    pub server: ServerId,
    /// The number of the first line that was asked about.
    pub first: u64,
    /// From the call to its answer.
    pub took: Duration,
    /// The answer.
    pub result: Result<Result<Reversed, Refusal>, RpcError>,
}

/// The handles of all calls that are out.
#[derive(Debug, Default)]
pub struct InFlight {
    handles: HashMap<(ServerId, u64), AbortHandle>,
}

impl InFlight {
    /// A call of `order`. Aborted, it is dropped at once, which also tells its server.
    pub fn start(
        &mut self,
        client: Client,
        tier: Tier,
        order: Call,
    ) -> Abortable<impl Future<Output = Answer> + use<>> {
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert((order.server, order.first), handle);
        Abortable::new(call(client, tier, order), registration)
    }

    /// The call to `server` about line `first` has ended.
    pub fn ended(&mut self, server: ServerId, first: u64) {
        self.handles.remove(&(server, first));
    }

    /// The call to `server` about line `first` is of no use any more.
    pub fn abort(&mut self, server: ServerId, first: u64) {
        if let Some(handle) = self.handles.remove(&(server, first)) {
            handle.abort();
        }
    }
}

async fn call(client: Client, tier: Tier, order: Call) -> Answer {
    let begun = Instant::now();
    let mut context = context::current();
    context.deadline = begun + call_limit(order.words);
    let result = client.reverse_words(context, tier, order.text).await;
    Answer {
        server: order.server,
        first: order.first,
        took: begun.elapsed(),
        result,
    }
}
