/** The folder that holds the model's files, as an absolute path. */
export declare const directory: string
