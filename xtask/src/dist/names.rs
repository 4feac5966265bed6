//! How the files of a release are called.

/// What is in every name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) project: &'a str,
    pub(super) version: &'a str,
}

impl Names<'_> {
    /// The provider for a platform, as Go calls it.
    pub(super) fn zip(&self, os: &str, arch: &str) -> String {
        format!("{}.zip", self.archive(os, arch))
    }

    /// What the registry is told of the provider.
    pub(super) fn manifest(&self) -> String {
        self.named("manifest.json")
    }

    /// What the release is made of.
    pub(super) fn crates(&self) -> String {
        self.named("sbom.cdx.json")
    }

    /// The digests of all others.
    pub(super) fn sums(&self) -> String {
        self.named("SHA256SUMS")
    }

    fn archive(&self, os: &str, arch: &str) -> String {
        self.named(&format!("{os}_{arch}"))
    }

    fn named(&self, ending: &str) -> String {
        format!("{}_{}_{ending}", self.project, self.version)
    }
}

#[cfg(test)]
mod unit {
    use std::fs;

    use super::*;
    use crate::shell::root;

    #[test]
    fn goreleaser_calls_them_the_same() {
        let templates = Names {
            project: "{{ .ProjectName }}",
            version: "{{ .Version }}",
        };
        let configuration = fs::read_to_string(root().join(".goreleaser.yml")).unwrap_or_default();
        for line in [
            "project_name: terraform-provider-kairos".to_owned(),
            format!("name_template: \"{}\"", templates.archive("{{ .Os }}", "{{ .Arch }}")),
            "formats: [zip]".to_owned(),
            format!("name_template: \"{}\"", templates.manifest()),
            format!("documents: [\"{}\"]", templates.crates()),
            format!("name_template: \"{}\"", templates.sums()),
        ] {
            assert!(configuration.contains(&line), ".goreleaser.yml does not say: {line}");
        }
    }

    #[test]
    fn the_workflow_hands_on_files_of_these_names() {
        let names = Names {
            project: "p",
            version: "1.0.0",
        };
        let workflow =
            fs::read_to_string(root().join(".github").join("workflows").join("release.yml")).unwrap_or_default();
        let ending = |name: String| name.trim_start_matches("p_1.0.0").to_owned();
        for ending in [
            ".zip".to_owned(),
            ending(names.sums()),
            format!("{}.sig", ending(names.sums())),
            ending(names.crates()),
        ] {
            assert!(
                workflow.contains(&format!("dist/*{ending}\n")),
                "release.yml does not hand on: {ending}"
            );
        }
    }
}
