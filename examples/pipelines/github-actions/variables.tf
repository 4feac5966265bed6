variable "region" {
  description = "Where the stack lives."
  type        = string
}

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

variable "notification_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

variable "arn_funcion" {
  description = "The Lambda function that the process calls."
  type        = string
}

variable "arn_rol" {
  description = "The role that may invoke that function; its name begins with the prefix."
  type        = string
}
