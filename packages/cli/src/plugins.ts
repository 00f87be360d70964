/** Where models come from and what families are known, for every command that opens one. */
export async function modelPlugins() {
  const [{ files, hub }, { encoders }] = await Promise.all([import('@tenon/checkpoint'), import('@tenon/models')])
  return [files(), hub(), ...encoders()] as const
}

/** What models run on. */
export async function backendPlugins() {
  const { onnx } = await import('@tenon/backend-onnx')
  return [onnx()]
}
