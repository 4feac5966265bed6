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

variable "arn_funcion" {
  description = "A Lambda function for the process of each minute."
  type        = string
}

variable "arn_rol_funcion" {
  description = "A role that may invoke that function."
  type        = string
}

variable "arn_cola" {
  description = "An SQS queue for the other two."
  type        = string
}

variable "arn_rol_cola" {
  description = "A role that may send to that queue."
  type        = string
}

variable "momento" {
  description = "When the one-time process fires, in UTC, such as 2030-01-02T03:04:05."
  type        = string
}
