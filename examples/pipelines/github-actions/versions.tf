terraform {
  # Locks in the bucket itself need 1.10.
  required_version = ">= 1.10"

  required_providers {
    kairos = {
      source = "kairos/kairos"
    }
  }

  # Bucket, key and region come from the workflow: `terraform init -backend-config=…`.
  backend "s3" {
    use_lockfile = true
  }
}
