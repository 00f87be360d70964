import { Argument, Command, InvalidArgumentError, Option, type CommanderError } from 'commander'
import type { AskOptions } from './commands/ask.js'
import type { ChatOptions } from './commands/chat.js'
import type { CompleteOptions } from './commands/complete.js'
import type { DoctorOptions } from './commands/doctor.js'
import type { EmbedCommandOptions } from './commands/embed.js'
import type { ExportCommandOptions } from './commands/export.js'
import type { InspectCommandOptions } from './commands/inspect.js'
import { keptFormats, type PrepareOptions } from './commands/prepare.js'
import type { StartOptions } from './commands/start.js'
import { addCommonOptions, addRunsOnOptions } from './common-options.js'
import { completionScopes } from './completion-scopes.js'
import type { Context } from './context.js'
import { addDecoderOptions } from './decoder-options.js'
import { UsageError } from './errors/usage-error.js'
import { examples, exitCodesOf, withinWidth } from './help-sections.js'
import { compressions } from './open-checkpoint.js'
import { collect, filled, number, wholeNumber, wholeNumberTo } from './option-parsers.js'
import { activationFormats } from './open-decoder.js'
import { packageVersion } from './package-folder.js'

/** The commands and their options. Each command's own code is imported when it is run. */
export function createProgram(context: Context): { run(argv: readonly string[]): Promise<number> } {
  const { colors } = context.out
  let code = 0
  let output = ''

  const program = new Command('tenon')
    .description('Pretrained transformers in your terminal: no Python, no network.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show how it is used')
    .helpCommand('help [command]', 'show how a command is used')
    .option('--debug', 'print the stack of an error (or set TENON_DEBUG=1)')
    .exitOverride()
    .showSuggestionAfterError()
    // What goes wrong is printed in one place, by whoever called.
    .configureOutput({
      writeOut: (text) => void (output += text),
      writeErr: (text) => void (output += text),
      outputError() {},
      getOutHelpWidth: () => context.out.width,
      getOutHasColors: () => colors.isColorSupported,
    })
    .configureHelp({
      ...withinWidth(context.out),
      styleTitle: colors.bold,
      styleCommandText: colors.cyan,
      styleSubcommandText: colors.cyan,
      styleOptionText: colors.cyan,
      styleArgumentText: colors.cyan,
    })
    .addHelpText(
      'after',
      () => examples(context.out, [
        ['tenon ask "How long should oak dry?" ./documents', 'answer from your own files'],
        ['tenon chat --model ./SmolLM2-135M-Instruct', 'talk with a model'],
        ['tenon complete main.py --at 12:5 --model ./coder', 'what comes next in a source file'],
        ['tenon embed "a cat" "a kitten" --similarity', 'how close are two texts'],
        ['tenon export ./bert --to ./bert-onnx', 'a folder that other tools load'],
        ['tenon doctor', 'what works on this machine'],
      ]),
    )

  program
    .command('ask')
    .summary('answer questions from documents')
    .description(
      'Answers a question from text, Markdown, HTML and JSON files: the sentence that answers, where it stands, and what stands around it. Says so when the documents hold no answer. Nothing leaves this machine.',
    )
    .addArgument(new Argument('[question]', 'what you want to know, in quotes'))
    .addArgument(new Argument('[paths...]', 'files, and folders with all that is below them; - for what is piped in'))
    .option('-q, --question <text>', 'a question; repeat it to ask several, and then name paths only', collect)
    .addOption(modelOption())
    .option('-s, --store <folder>', 'keep what was read there; the next time only what changed is read')
    .option('-r, --reader <model>', 'a question-answering model that finds the exact words in the sentence')
    .option('-k, --top-k <n>', 'how many passages to consider and show in --json (default: 5)', wholeNumber)
    .option('-t, --threshold <score>', 'least score of an answer, 0 to 1 (default: 0.5)', number(0, 1))
    .addHelpText(
      'after',
      () => examples(context.out, [
        ['tenon ask "How long should oak dry?" ./documents', ''],
        ['tenon ask -q "Who?" -q "When?" history.md', 'several questions'],
        ['tenon ask "How long should oak dry?" ./documents --store ./kb', 'and the next time without ./documents'],
        ['cat notes.md | tenon ask "What is to be done?"', 'from a pipe'],
        ['tenon ask "Who?" ./documents --json | jq .answers[0].source', 'for a program'],
      ]) + exitCodesOf(context.out, [['0', 'answered'], ['1', 'failed'], ['2', 'called wrongly'], ['3', 'no answer in the documents']]),
    )
    .action(async (question: string | undefined, paths: readonly string[], options: AskOptions) => {
      const { ask } = await import('./commands/ask.js')
      code = await ask(context, question === undefined ? paths : [question, ...paths], options)
    })

  addDecoderOptions(program.command('chat'), { maxTokens: "as the model's files say, else 1024", temperature: "as the model's files say, else 0" })
    .summary('talk with a model')
    .description(
      "Talks with a model by its own chat template: streamed, and of each turn only what is new is read. With a question, or with text piped in, it answers once. How freely it chooses words is as the model's files recommend, unless it is said here.",
    )
    .addArgument(new Argument('[question]', 'what you want to know, in quotes; what is piped in is put behind it'))
    .option('--system <text>', 'what the model is told to be, before anything else')
    .option('--schema <file>', 'a file with a JSON schema that the answer fulfils')
    .option('--template <file>', "a chat template in Jinja, in place of the model's own")
    .option('--variable <name=value>', 'what the template reads: enable_thinking=false; repeat it for several', collect)
    .option('--drop-oldest', 'leave the oldest turns out where the conversation is longer than the context, rather than fail')
    .addHelpText(
      'after',
      () => examples(context.out, [
        ['tenon chat --model ./SmolLM2-135M-Instruct', 'a conversation; /help says what else can be typed'],
        ['tenon chat "What is a tenon?" -m model.gguf --stats', 'one answer'],
        ['cat notes.md | tenon chat "What is to be done?" -m model.gguf', 'about what is piped in'],
        ['tenon chat "An oak table, as JSON" -m model.gguf --schema table.json', ''],
      ]) + exitCodesOf(context.out, [['0', 'answered'], ['1', 'failed'], ['2', 'called wrongly'], ['4', 'the answer was cut before it fulfilled the schema']]),
    )
    .action(async (question: string | undefined, options: ChatOptions) => {
      const { chat } = await import('./commands/chat.js')
      code = await chat(context, question, options)
    })

  addDecoderOptions(program.command('complete'), { maxTokens: '128', temperature: '0' })
    .summary('write what comes next in a source file')
    .description(
      'Completes code at a place in a file: streamed as it is written, until what was begun there is complete. With text behind the place the model fills in, if it was trained to.',
    )
    .addArgument(new Argument('<file>', 'the file; - for what is piped in, completed at its end'))
    .option('--at <line:column>', 'where: both from 1, columns in UTF-16 code units as editors count them (default: the end)')
    .option('--marker <text>', 'where, by a text that stands there and is left out')
    .addOption(new Option('--scope <scope>', 'how far (default: auto)').choices(completionScopes))
    .option('--candidates <n>', 'write n completions, up to 8, and print the best; --json has all', wholeNumberTo(8))
    .option('--context <files...>', 'other files to show the model, as far as they matter and there is room')
    .option('--context-tokens <n>', 'most tokens of the prompt (default: 2048)', wholeNumber)
    .option('--path <path>', 'what a piped text is called, which says its language')
    .option('--language <language>', "the language, if the file's extension does not say it")
    .option('--repository <name>', "the repository's name, for models that were trained with it")
    .option('--prefix-only', 'do not show the model what stands behind the place')
    .option('--no-truncate', 'fail where the file is too long, rather than cut it to what is around the place')
    .option('--no-healing', 'do not let the last token before the place become another')
    .addHelpText(
      'after',
      () => examples(context.out, [
        ['tenon complete main.py --at 12:5 --model ./Qwen2.5-Coder-0.5B', ''],
        ['tenon complete main.ts --at 3:1 -m model.gguf --scope function --stats', ''],
        ['tenon complete main.ts --at 3:1 -m model.gguf --context lib/*.ts', 'with other files'],
        ["cat start.py | tenon complete - -m model.gguf --path start.py", 'from a pipe'],
      ]),
    )
    .action(async (file: string, options: CompleteOptions) => {
      const { complete } = await import('./commands/complete.js')
      code = await complete(context, file, options)
    })

  program
    .command('embed')
    .summary('turn texts into vectors')
    .description('Turns texts into vectors: a line of JSON per text, or how close the texts are to one another.')
    .addArgument(new Argument('[texts...]', 'the texts; default: what is piped in, a text a line'))
    .option('-f, --file <file>', 'read texts from a file, a text a line; empty lines are left out')
    .option('-s, --similarity', 'print cosine similarities instead of vectors')
    .addOption(modelOption())
    .addHelpText(
      'after',
      () => examples(context.out, [
        ['tenon embed "a cat" "a kitten" "an invoice" --similarity', ''],
        ['tenon embed --file sentences.txt > vectors.jsonl', ''],
        ['cut -f2 table.tsv | tenon embed | head -3', ''],
      ]),
    )
    .action(async (texts: readonly string[], options: EmbedCommandOptions) => {
      const { embed } = await import('./commands/embed.js')
      code = await embed(context, texts, options)
    })

  program
    .command('export')
    .summary('write a model as a folder that other tools load')
    .description(
      'Writes a model as ONNX with its config and tokenizer: a folder that transformers.js, optimum and ONNX Runtime load. No Python, and one tensor in memory at a time.',
    )
    .addArgument(new Argument('<model>', 'a model folder, an installed model package, or a name on the hub'))
    .requiredOption('--to <folder>', 'the folder to make')
    .option('--task <task>', "what it is for, such as 'question-answering' (default: what the config says)")
    .option('--head <head>', 'the same by the name that `tenon inspect` lists')
    .addOption(new Option('--compress <kind>', 'make the weights smaller').choices(compressions))
    .option('--portable', 'standard operators only, for runtimes other than ONNX Runtime')
    .option('--link', 'share the file of the weights instead of copying it, where the disk can')
    .option('--overwrite', 'replace a model that stands there')
    .addHelpText(
      'after',
      () => examples(context.out, [
        ['tenon export ./bert --to ./bert-onnx', ''],
        ['tenon export ./bert --to ./qa --task question-answering', ''],
        ['tenon export ./bert --to ./small --compress int8', 'a quarter of the size'],
      ]),
    )
    .action(async (model: string, options: ExportCommandOptions) => {
      const { exportCommand } = await import('./commands/export.js')
      code = await exportCommand(context, model, options)
    })

  program
    .command('prepare')
    .summary('quantise a model now, so that it starts at once later')
    .description(
      'Computes the weights that a model is run with when --weights is passed, and keeps them where the next start finds them: in TENON_CACHE, or the cache directory of this system. Without it the first start does the same.',
    )
    .addArgument(new Argument('<model>', 'a model folder, a .gguf file, an installed model package, or a name on the hub'))
    .addOption(new Option('--weights <format>', 'the format of the weights').choices(keptFormats).default('int4'))
    .addOption(new Option('--block <n>', 'numbers that share a scale: 32 is more exact, 128 faster').argParser(blockSize))
    .option('--small', 'keep no second form of the weights for reading prompts: half the room, and prompts take twice as long')
    .addOption(new Option('--activations <format>', 'what the weights will be multiplied by: for int16, as for --small, there is no second form (default: int8)').choices(activationFormats))
    .option('--head <head>', 'the head to prepare (default: what the config says)')
    .addHelpText('after', () => examples(context.out, [['tenon prepare ./Qwen2.5-Coder-0.5B --weights int4', '']]))
    .action(async (model: string, options: PrepareOptions) => {
      const { prepareCommand } = await import('./commands/prepare.js')
      code = await prepareCommand(context, model, options)
    })

  program
    .command('inspect')
    .summary('say what a model is made of, and what can run it')
    .description('Opens a model folder or an .onnx file without running it: family, heads, parameters, types, files, operators, memory, and what each backend makes of it.')
    .addArgument(new Argument('<model>', 'a model folder, an installed model package, a name on the hub, or an .onnx file'))
    .option('--head <head>', 'the head to look at (default: what the config says)')
    .action(async (model: string, options: InspectCommandOptions) => {
      const { inspectCommand } = await import('./commands/inspect.js')
      code = await inspectCommand(context, model, options)
    })

  program
    .command('doctor')
    .summary('say what works on this machine, and how to get the rest')
    .description('Looks at this machine, its devices and the installed packages, measures how fast each device is, and runs the model once.')
    .addOption(modelOption())
    .option('--quick', 'do not measure')
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./commands/doctor.js')
      code = await doctor(context, options)
    })

  program
    .command('start')
    .summary('see it work on the example documents')
    .description('Asks the example documents of the repository three questions, and says what to try next.')
    .addOption(modelOption())
    .action(async (options: StartOptions) => {
      const { start } = await import('./commands/start.js')
      code = await start(context, options)
    })

  for (const command of program.commands) {
    if (['ask', 'chat', 'complete', 'embed'].includes(command.name())) addRunsOnOptions(command)
    if (command.name() !== 'start') addCommonOptions(command)
    refuseEmpty(command)
  }

  return {
    async run(argv) {
      if (argv.length === 0) program.outputHelp()
      else {
        try {
          await program.parseAsync([...argv], { from: 'user' })
        } catch (error) {
          if (!isHelp(error)) throw asQuestion(argv[0]!, error)
          code = 0
        }
      }
      if (output !== '') await context.out.write(output)
      return code
    },
  }
}

function blockSize(text: string): 32 | 128 {
  if (text === '32' || text === '128') return Number(text) as 32 | 128
  throw new InvalidArgumentError('Choose 32 or 128.')
}

/** Where no text at all says something: what `--system` tells, and what `--marker` refuses in its own words. */
const MAY_BE_EMPTY: readonly string[] = ['system', 'marker', 'at', 'path', 'language', 'repository']

/** Names of models, files and devices are not empty. */
function refuseEmpty(command: Command): void {
  for (const option of command.options) if (option.required && !option.variadic && option.parseArg === undefined && !MAY_BE_EMPTY.includes(option.name())) option.argParser(filled)
  for (const argument of command.registeredArguments) if (argument.required) argument.argParser(filled)
}

const modelOption = () => new Option('-m, --model <model>', 'a model folder, an installed model package, or a name on the hub (default: the one that comes with tenon)')

const codeOf = (error: unknown) => (error as Partial<CommanderError>).code

/** commander ends --help and --version by throwing. */
const isHelp = (error: unknown) => codeOf(error) === 'commander.helpDisplayed' || codeOf(error) === 'commander.version' || codeOf(error) === 'commander.help'

/** A question in place of a command was meant for `ask`. */
function asQuestion(first: string, error: unknown): unknown {
  if (codeOf(error) !== 'commander.unknownCommand' || !/[\s?？]/u.test(first)) return error
  return new UsageError({ message: `'${first}' is no command`, remedy: `To ask it: tenon ask "${first}" ./documents` })
}
