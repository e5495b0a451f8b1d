import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat(
    {
      calls: [
        ['call_1', 'get_weather', { city: 'Oslo' }],
        ['call_2', 'find_train', { to: 'Oslo' }],
      ],
    },
    [40, 21],
  ),
  chat({ calls: [['call_3', 'book_table', { place: 'outside' }]] }, [72, 12]),
  chat({ text: 'Table 12 is yours.' }, [95, 8]),
]
