//! What concerns several attributes of `kairos_stack` at once.
//!
//! Invariant: unknown values refuse nothing.

use tfplugin::{Attr, Diagnostics, Path};

use crate::stack::model::StackModel;

/// The longest that API Gateway waits for an answer, unless AWS raises it for the account, in seconds.
const GATEWAY_TIMEOUT: i64 = 29;

pub(super) fn validate(model: &StackModel, diagnostics: &mut Diagnostics) {
    concurrency(model, diagnostics);
    api(model, diagnostics);
    carried(model, diagnostics);
}

fn concurrency(model: &StackModel, diagnostics: &mut Diagnostics) {
    let Some(executor) = model.executor.known() else { return };
    if let (Attr::Known(reserved), Attr::Known(maximum)) =
        (&executor.reserved_concurrency, &executor.maximum_concurrency)
        && reserved < maximum
    {
        diagnostics.error_at(
            Path::root("executor").attribute("reserved_concurrency"),
            "Reserved concurrency is too small",
            format!(
                "\"executor.reserved_concurrency\" is {reserved}, and \"executor.maximum_concurrency\" is {maximum}: messages \
                 that the queue hands over and Lambda throttles would end in the dead-letter queue. Reserve at least {maximum}."
            ),
        );
    }
}

fn api(model: &StackModel, diagnostics: &mut Diagnostics) {
    let Some(api) = model.api.known() else { return };
    let path = |name: &str| Path::root("api").attribute(name);
    if let Some(timeout) = api.timeout.known().filter(|t| **t > GATEWAY_TIMEOUT) {
        diagnostics.warning_at(
            path("timeout"),
            "API Gateway gives up earlier",
            format!("API Gateway waits {GATEWAY_TIMEOUT} s for an answer, unless AWS raised that for the account; \"api.timeout\" is {timeout}."),
        );
    }
    if api.mapping_key.is_known() && api.domain_name.is_null() {
        diagnostics.error_at(
            path("mapping_key"),
            "A mapping key needs a domain",
            "\"api.mapping_key\" is a path below \"api.domain_name\", which is not set.",
        );
    }
    for (one, other) in [("throttle_rate", "throttle_burst"), ("throttle_burst", "throttle_rate")] {
        let set = |name: &str| {
            if name == "throttle_rate" {
                !api.throttle_rate.is_null()
            } else {
                !api.throttle_burst.is_null()
            }
        };
        if set(one) && !set(other) {
            diagnostics.error_at(
                path(one),
                "A throttle needs both rate and burst",
                format!("\"api.{one}\" is set and \"api.{other}\" is not: API Gateway would refuse every request."),
            );
        }
    }
}

fn carried(model: &StackModel, diagnostics: &mut Diagnostics) {
    let carried = crate::stack::code::architectures();
    let wanted = model
        .architecture
        .as_str()
        .and_then(crate::stack::config::Architecture::parse);
    // A build without any code says so when a stack is planned.
    if let Some(wanted) = wanted.filter(|a| !carried.is_empty() && !carried.contains(a)) {
        diagnostics.push(super::not_carried(wanted));
    }
}
