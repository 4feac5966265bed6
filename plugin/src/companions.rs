//! The services that terraform expects next to the provider: one that ends the plugin, and one that repeats its output.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use crate::wire::plugin as wire;
use crate::wire::plugin::grpc_controller_server::GrpcController;
use crate::wire::plugin::grpc_stdio_server::GrpcStdio;

/// Ends the server when terraform says so.
pub(crate) struct Controller {
    pub(crate) end: CancellationToken,
    /// That it was terraform who ended it.
    pub(crate) told: CancellationToken,
}

#[async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<wire::Empty>) -> Result<Response<wire::Empty>, Status> {
        self.told.cancel();
        self.end.cancel();
        Ok(Response::new(wire::Empty {}))
    }
}

/// Silent until the end: terraform reads our stderr anyway, and stdout has the handshake line only.
pub(crate) struct Stdio {
    pub(crate) end: CancellationToken,
}

#[async_trait]
impl GrpcStdio for Stdio {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<wire::StdioData>>, Status> {
        let silence = stream::pending().take_until(self.end.clone().cancelled_owned());
        Ok(Response::new(Box::pin(silence)))
    }
}
