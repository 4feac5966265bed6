//! Whom policies are generated for: whoever plans, applies or destroys exactly one stack, registers processes in it or reads it.
//!
//! Invariant: a policy covers every configuration of its stack; what it depends on beside the names (a key, a domain, …) is
//! named in the subject.

use std::collections::BTreeSet;

use kairos::names::Names;

use super::{Grant, Operation, Permissions};
use crate::data;
use crate::proceso;
use crate::stack::component::Component;
use crate::stack::config::{ApiConfig, Architecture, ExecutorConfig, FunctionConfig, StackConfig};
use crate::stack::{code, discover, marker, preflight, topology, usage};

/// What somebody does with terraform, and needs policies for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Plans and imports, stack and processes: reads only.
    Plan,
    /// Creates and changes the stack: beside what [`Duty::Plan`] needs.
    Apply,
    /// Destroys the stack: beside what [`Duty::Plan`] needs.
    Destroy,
    /// Plans, registers, changes and deletes processes in a stack that is there.
    Procesos,
    /// Reads a stack, its processes and their runs with data sources.
    Data,
}

/// One stack, as far as permissions depend on it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its names: application, account, region and partition.
    pub names: Names,
    /// The path of its roles, with a slash at both ends.
    pub role_path: String,
    /// The policy that bounds its roles.
    pub permissions_boundary_arn: Option<String>,
    /// The customer's key.
    pub kms_key_arn: Option<String>,
    /// The custom domain of its API.
    pub domain_name: Option<String>,
    /// The ARNs of layer versions that its functions have.
    pub layers: Vec<String>,
}

/// A part of the provider that needs something.
#[derive(Debug, Clone)]
pub struct Part {
    /// The part, for people: a CloudFormation type, or what it does.
    pub name: &'static str,
    /// What it needs.
    pub permissions: Permissions,
    /// Whether a change of the configuration may take it away.
    pub removable: bool,
}

impl Duty {
    /// All of them, in the order in which they come up.
    pub const ALL: [Self; 5] = [Self::Plan, Self::Apply, Self::Destroy, Self::Procesos, Self::Data];

    /// Its name in commands and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Destroy => "destroy",
            Self::Procesos => "procesos",
            Self::Data => "data",
        }
    }

    /// The duty of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.as_str() == name)
    }
}

impl Subject {
    /// The stack `names` without anything optional.
    pub fn new(names: Names) -> Self {
        Self {
            names,
            role_path: "/".into(),
            permissions_boundary_arn: None,
            kms_key_arn: None,
            domain_name: None,
            layers: Vec::new(),
        }
    }

    /// What a duty needs.
    pub fn grants(&self, duty: Duty) -> Vec<Grant> {
        let parts = match duty {
            Duty::Plan => [self.parts(), self.procesos()].concat(),
            Duty::Apply | Duty::Destroy => self.parts(),
            Duty::Procesos => self.procesos(),
            Duty::Data => self.data(),
        };
        let needed = |operation: Operation, removable: bool| match duty {
            Duty::Plan | Duty::Data => operation == Operation::Observe,
            Duty::Apply => match operation {
                Operation::Create | Operation::Update => true,
                Operation::Delete => removable,
                Operation::Observe => false,
            },
            Duty::Destroy => operation == Operation::Delete,
            Duty::Procesos => true,
        };
        let grants = parts.into_iter().flat_map(|part| {
            let grants = part.permissions.grants.into_iter();
            grants.filter(move |grant| needed(grant.operation, part.removable))
        });
        grants.collect()
    }

    /// The parts that work on a stack: its components, and what is done around them.
    pub fn parts(&self) -> Vec<Part> {
        let names = &self.names;
        let config = self.config();
        let lasting: BTreeSet<String> = self.components(&without_options(&config)).map(|c| c.name).collect();
        let components = self.components(&config).map(|component| Part {
            name: component.node.type_name(),
            permissions: component.node.permissions(names),
            removable: !lasting.contains(&component.name),
        });
        let around = [
            ("the marker", marker::permissions(names)),
            ("what a stack needs of others", preflight::permissions(names)),
            ("import", discover::permissions(names)),
            (
                "the check for processes",
                usage::permissions(names, self.kms_key_arn.as_deref()),
            ),
        ];
        let around = around.map(|(name, permissions)| Part {
            name,
            permissions,
            removable: false,
        });
        components.chain(around).collect()
    }

    /// The part that works on processes.
    pub fn procesos(&self) -> Vec<Part> {
        let role = self.names.role_arn(&self.role_path, &self.names.scheduler_role());
        vec![Part {
            name: "kairos_proceso",
            permissions: proceso::permissions(&self.names, &role, self.kms_key_arn.as_deref()),
            removable: false,
        }]
    }

    /// The part that data sources are.
    pub fn data(&self) -> Vec<Part> {
        vec![Part {
            name: "data sources",
            permissions: data::permissions(&self.names, self.kms_key_arn.as_deref()),
            removable: false,
        }]
    }

    fn components(&self, config: &StackConfig) -> impl Iterator<Item = Component> + use<> {
        topology::topology(config, &self.names, &code::none()).into_iter()
    }

    /// A configuration with everything that a stack can have.
    fn config(&self) -> StackConfig {
        let function = FunctionConfig {
            memory_size: 256,
            timeout: 120,
            log_level: "INFO".into(),
            layers: self.layers.clone(),
            reserved_concurrency: None,
        };
        let api = ApiConfig {
            function: function.clone(),
            domain_name: self.domain_name.clone(),
            ..ApiConfig::default()
        };
        StackConfig {
            name: self.names.app.clone(),
            notification_emails: BTreeSet::from(["ops@example.com".to_owned()]),
            dispatcher: function.clone(),
            executor: ExecutorConfig {
                function,
                role_prefix: "proceso-".into(),
                maximum_concurrency: None,
                batch_size: 10,
                external_id: None,
            },
            api: Some(api),
            log_retention_days: 30,
            history_retention_days: 90,
            kms_key_arn: self.kms_key_arn.clone(),
            tracing: true,
            architecture: Architecture::X86,
            role_path: self.role_path.clone(),
            permissions_boundary_arn: self.permissions_boundary_arn.clone(),
            tags: crate::stack::kind::Tags::new(),
            deletion_protection: true,
        }
    }
}

/// The same stack without what its configuration may leave out.
fn without_options(config: &StackConfig) -> StackConfig {
    StackConfig {
        api: None,
        notification_emails: BTreeSet::new(),
        ..config.clone()
    }
}
