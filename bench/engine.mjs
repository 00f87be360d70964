import { fork } from 'node:child_process'

/** A library under test in a process of its own, driven by messages: what one does never slows the other. */
export class Engine {
  #child
  #waiting = []

  constructor(script, args) {
    this.#child = fork(script, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' })
    this.#child.on('message', (message) => this.#waiting.shift()?.resolve(message))
    this.#child.on('exit', (code) => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${script} ${args.join(' ')} ended with code ${code}`))
    })
  }

  /** @returns {Promise<any>} what the other process answers. */
  ask(message) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.send(message)
    })
  }

  close() {
    return new Promise((resolve) => {
      this.#child.once('exit', resolve)
      this.#child.disconnect()
    })
  }
}
