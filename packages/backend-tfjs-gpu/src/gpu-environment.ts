/**
 * Sets what TensorFlow and NVIDIA's libraries read from the environment when they start on a GPU, and leaves what the program has
 * set. Otherwise TensorFlow takes all of the GPU's memory, so that nothing else runs beside it, and products round to TF32.
 */
export function setGpuEnvironment({ tf32 }: { readonly tf32: boolean }, environment: Record<string, string | undefined> = process.env): void {
  environment['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'
  if (!tf32) environment['NVIDIA_TF32_OVERRIDE'] ??= '0'
}
