/** Something a person should know though the work went on; codes are permanent, other programs match on them. */
export interface RunWarning {
  readonly code: string;
  readonly message: string;
}
