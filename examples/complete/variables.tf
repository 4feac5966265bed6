variable "name" {
  description = "The stack's name: the prefix of everything that it makes."
  type        = string
  default     = "Kairos"
}

variable "role_prefix" {
  description = "What the names of the roles of processes begin with."
  type        = string
  default     = "proceso-"
}

variable "external_id" {
  description = "The external id that the processes' roles ask for."
  type        = string
  default     = null
}

variable "layers" {
  description = "ARNs of layer versions for the three functions."
  type        = list(string)
  default     = null
}

variable "domain_name" {
  description = "A custom domain of API Gateway."
  type        = string
  default     = null
}

variable "mapping_key" {
  description = "The path below the domain."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "A key of the customer for tables, queues, topic, logs and environments."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the stack's roles."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

variable "inicio" {
  description = "The instant before which the process does not fire."
  type        = string
  default     = "2030-01-01T00:00:00-03:00"
}

variable "fin" {
  description = "The instant after which it does not fire."
  type        = string
  default     = "2039-12-31T23:59:59-03:00"
}

variable "arn_funcion" {
  description = "A Lambda function."
  type        = string
}

variable "arn_rol" {
  description = "A role that may invoke that function."
  type        = string
}
