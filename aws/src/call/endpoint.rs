//! Where a service is: its host in a region, and the name and region of its signatures.

use super::bindings::Binding;

/// Where an action is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The host, without what the action puts before it.
    pub host: String,
    /// The region for which requests are signed; that of a global service where it is one.
    pub signing_region: String,
    /// The service's name in signatures.
    pub signing_name: &'static str,
}

/// A partition: its name in the table, and the domains of its hosts.
struct Partition {
    id: &'static str,
    suffix: &'static str,
    dual_stack: &'static str,
}

/// The host of an action in a region.
///
/// # Errors
/// The action is not in the table: the reason, in words.
pub fn endpoint(service: &str, action: &str, region: &str) -> Result<Endpoint, String> {
    let binding = Binding::find(service, action)?;
    let partition = partition(region);
    let prefix = binding.service.get("p").unwrap_or(binding.name);
    let (host, signing_region) = exception(&binding, region, &partition).unwrap_or(("", None));
    let host = if host.is_empty() {
        format!("{prefix}.{region}.{}", partition.suffix)
    } else {
        host.replace("{r}", region)
            .replace("{s}", partition.suffix)
            .replace("{d}", partition.dual_stack)
    };
    Ok(Endpoint {
        host,
        signing_region: signing_region.unwrap_or(region).to_owned(),
        signing_name: binding.service.get("n").unwrap_or(prefix),
    })
}

/// The host of a region, of its partition or of all, where it is not the usual one, and the region of its signatures.
fn exception(binding: &Binding, region: &str, partition: &Partition) -> Option<(&'static str, Option<&'static str>)> {
    let words = if binding.action.get("e").is_some() {
        binding.action
    } else {
        binding.service
    };
    let found = [region, partition.id, "*"]
        .into_iter()
        .find_map(|wanted| words.pairs("e").find(|(place, _)| *place == wanted))?;
    Some(match found.1.split_once('@') {
        Some((host, signing_region)) => (host, Some(signing_region)),
        None => (found.1, None),
    })
}

fn partition(region: &str) -> Partition {
    if region.starts_with("cn-") {
        Partition {
            id: "aws-cn",
            suffix: "amazonaws.com.cn",
            dual_stack: "api.amazonwebservices.com.cn",
        }
    } else {
        Partition {
            id: if region.starts_with("us-gov-") {
                "aws-us-gov"
            } else {
                "aws"
            },
            suffix: "amazonaws.com",
            dual_stack: "api.aws",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(service: &str, action: &str, region: &str, host: &str, signing: &str) {
        let found = endpoint(service, action, region).map(|e| {
            let signing = format!("{} {}", e.signing_name, e.signing_region);
            (e.host, signing)
        });
        assert_eq!(found, Ok((host.to_owned(), signing.to_owned())), "{service} {region}");
    }

    #[test]
    fn hosts_follow_region_and_partition() {
        check(
            "sqs",
            "sendMessage",
            "sa-east-1",
            "sqs.sa-east-1.amazonaws.com",
            "sqs sa-east-1",
        );
        check(
            "eventbridge",
            "putEvents",
            "cn-north-1",
            "events.cn-north-1.amazonaws.com.cn",
            "events cn-north-1",
        );
        check(
            "sfn",
            "startExecution",
            "us-gov-west-1",
            "states.us-gov-west-1.amazonaws.com",
            "states us-gov-west-1",
        );
        check(
            "ecr",
            "putImage",
            "eu-west-1",
            "api.ecr.eu-west-1.amazonaws.com",
            "ecr eu-west-1",
        );
    }

    #[test]
    fn global_services_have_one_host_and_one_region_of_signatures() {
        check(
            "organizations",
            "closeAccount",
            "sa-east-1",
            "organizations.us-east-1.amazonaws.com",
            "organizations us-east-1",
        );
        check(
            "budgets",
            "createBudget",
            "sa-east-1",
            "budgets.amazonaws.com",
            "budgets us-east-1",
        );
        check(
            "costexplorer",
            "updateCostCategoryDefinition",
            "cn-north-1",
            "ce.cn-northwest-1.amazonaws.com.cn",
            "ce cn-northwest-1",
        );
    }

    #[test]
    fn services_of_the_dual_stack_domain_only_are_found_there() {
        check(
            "datazone",
            "createProject",
            "eu-west-1",
            "datazone.eu-west-1.api.aws",
            "datazone eu-west-1",
        );
    }
}
