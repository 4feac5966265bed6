variable "region" {
  description = "The region of the stack."
  type        = string
}

variable "repository" {
  description = "The repository whose workflows may take the roles, such as acme/kairos."
  type        = string

  validation {
    condition     = can(regex("^[^/*?]+/[^/*?]+$", var.repository))
    error_message = "repository must be one repository, such as acme/kairos: a wildcard would let others in."
  }
}

variable "environment" {
  description = "The environment of the repository that applies."
  type        = string
  default     = "production"
}

variable "state_bucket" {
  description = "The bucket that holds terraform's state. Versioned and encrypted: the state has the API's key in it."
  type        = string
}

variable "policies" {
  description = "The folder that `terraform-provider-kairos permissions --out` wrote."
  type        = string
  default     = "policies"
}
