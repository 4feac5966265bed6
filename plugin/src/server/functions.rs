//! Functions: call.

use std::sync::Arc;

use super::{Server, guarded};
use crate::convert;
use crate::diagnostics::Diagnostic;
use crate::function::FunctionError;
use crate::provider::Provider;
use crate::wire::tfplugin6 as wire;

impl<P: Provider> Server<P> {
    pub(super) async fn call_function(&self, request: wire::call_function::Request) -> wire::call_function::Response {
        match self.try_call_function(request).await {
            Ok(result) => wire::call_function::Response {
                result: Some(result),
                error: None,
            },
            Err(error) => {
                let argument = error.argument.and_then(|position| i64::try_from(position).ok());
                let error = wire::FunctionError {
                    text: error.text,
                    function_argument: argument,
                };
                wire::call_function::Response {
                    result: None,
                    error: Some(error),
                }
            }
        }
    }

    async fn try_call_function(
        &self,
        request: wire::call_function::Request,
    ) -> Result<wire::DynamicValue, FunctionError> {
        let name = request.name;
        let found = self.functions.get(name.as_str());
        let (handler, signature) =
            found.ok_or_else(|| FunctionError::new(format!("This provider has no function \"{name}\".")))?;
        let mut arguments = Vec::with_capacity(request.arguments.len());
        for (position, argument) in request.arguments.iter().enumerate() {
            let parameter = signature.parameter_at(position);
            let parameter = parameter.ok_or_else(|| FunctionError::at(position, "There are too many arguments."))?;
            let read = convert::read(Some(argument), &parameter.ty);
            arguments.push(read.map_err(|error| FunctionError::at(position, error.detail))?);
        }
        if arguments.len() < signature.parameters.len() {
            return Err(FunctionError::new("There are too few arguments."));
        }
        let handler = Arc::clone(handler);
        let called = guarded(format!("Function \"{name}\""), async move { handler.call(arguments) }).await;
        let result = called.map_err(|panic| FunctionError::new(details(&panic)))??;
        convert::write(&result, &signature.result).map_err(|error| FunctionError::new(error.detail))
    }
}

fn details<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    diagnostics
        .into_iter()
        .map(|diagnostic| diagnostic.detail.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}
