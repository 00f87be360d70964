import { Option, type Command } from 'commander'

/** Adds what every command takes that prints something it found. */
export function addCommonOptions(command: Command): void {
  command.option('--json', 'print one JSON document').option('--quiet', 'print what was asked for and nothing else: no progress, notes or summary')
}

/** Adds what every command takes that runs a model for its user. */
export function addRunsOnOptions(command: Command): void {
  command
    .addOption(new Option('--backend <name>', 'what to compute with: onnx, tfjs, or auto for the quickest (default: onnx)'))
    .addOption(new Option('--device <device>', "a device of the backend's, as `tenon doctor` lists them (default: its first that is available)"))
    .addOption(new Option('--deployment <file>', 'a JSON file that says for each task what to compute with'))
}
