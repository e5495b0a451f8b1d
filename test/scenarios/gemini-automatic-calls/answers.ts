import { type Answer, geminiSays } from '../say.ts'

export const answers: Answer[] = [
  geminiSays(
    {
      calls: [
        ['', 'get_weather', { city: 'Oslo' }],
        ['', 'find_train', { to: 'Oslo' }],
      ],
    },
    [40, 21],
  ),
  geminiSays({ calls: [['', 'get_weather', { city: 'Bergen' }]] }, [72, 12]),
  geminiSays({ text: 'It is dry in both.' }, [95, 8]),
]
