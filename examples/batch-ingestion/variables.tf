variable "origen" {
  description = "The bucket from which the job fetches files each night. Its own policy must let the job's role in where it is another account's."
  type        = string
}

variable "subnet_ids" {
  description = "Where the job runs: subnets of one VPC with a way out to the internet."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "The job needs at least one subnet."
  }
}

variable "assign_public_ip" {
  description = "Whether the job has a public address: needed in public subnets, not in those behind a NAT gateway."
  type        = bool
  default     = true
}

variable "imagen" {
  description = "The job's image: its entry point must be the AWS CLI."
  type        = string
  default     = "public.ecr.aws/aws-cli/aws-cli:2.22.0"
}

variable "paquete" {
  description = "The function's zip; the README says how it is made."
  type        = string
  default     = "ingesta.zip"
}

variable "dias" {
  description = "After how many days files are deleted."
  type        = number
  default     = 30
}

variable "name" {
  description = "The stack's name, and the prefix of everything else."
  type        = string
  default     = "Kairos"
}

variable "role_prefix" {
  description = "What the names of the roles of processes begin with."
  type        = string
  default     = "proceso-"
}

variable "cron" {
  description = "When the job is submitted."
  type        = string
  default     = "cron(30 2 * * ? *)"
}

variable "zona_horaria" {
  description = "The time zone of `cron`."
  type        = string
  default     = "America/Santiago"
}

variable "notification_emails" {
  description = "Who is told when a process fails."
  type        = set(string)
  default     = []
}

variable "api" {
  description = "Whether there is an HTTP API, to start the job by hand. The account needs API Gateway's logging role."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether destroying the stack and the table is refused, and the bucket kept while it has files."
  type        = bool
  default     = true
}
